/** Line icons on a 20-pixel grid. They decorate words and are silent to screen readers. */
import type { ReactNode } from 'react'

const PATHS = {
  dashboard: <path d="M3 11h6V3H3zM11 17h6V9h-6zM3 17h6v-3H3zM11 6h6V3h-6z" />,
  sources: <><ellipse cx="10" cy="5" rx="6.5" ry="2.5" /><path d="M3.5 5v10c0 1.4 2.9 2.5 6.5 2.5s6.5-1.1 6.5-2.5V5M3.5 10c0 1.4 2.9 2.5 6.5 2.5s6.5-1.1 6.5-2.5" /></>,
  upload: <path d="M10 13V3.5M6 7.5l4-4 4 4M3.5 13v3.5h13V13" />,
  runs: <path d="M3 6h6l2 8h6M3 14h3M14 6h3M14.5 11.5 17 14l-2.5 2.5" />,
  exceptions: <path d="M10 3 2.5 16.5h15zM10 8.5v3.5M10 14.4v.1" />,
  audit: <path d="M10 2.5 4 5v4.5c0 3.8 2.5 6.5 6 8 3.5-1.5 6-4.2 6-8V5zM7.2 10l2 2 3.6-4" />,
  users: <><circle cx="7.5" cy="6.5" r="3" /><path d="M2 17c0-3.2 2.4-5 5.5-5s5.5 1.8 5.5 5M13.5 4a2.8 2.8 0 0 1 0 5.2M15 12.4c1.8.7 3 2.300 3 4.600" /></>,
  logout: <path d="M8 3.500H4v13h4M12.500 6.500 16 10l-3.500 3.500M16 10H8" />,
  sun: <><circle cx="10" cy="10" r="3.200" /><path d="M10 2.500v2M10 15.500v2M2.500 10h2M15.500 10h2M4.700 4.700l1.400 1.400M13.900 13.900l1.400 1.400M15.300 4.700l-1.400 1.400M6.100 13.900l-1.400 1.400" /></>,
  moon: <path d="M16.500 12A7 7 0 0 1 8 3.500a7 7 0 1 0 8.500 8.500z" />,
  system: <path d="M3 4h14v9H3zM7.500 16.500h5M10 13v3.500" />,
  check: <path d="m4 10.500 4 4 8-9" />,
  cross: <path d="m5 5 10 10M15 5 5 15" />,
  question: <><circle cx="10" cy="10" r="7.500" /><path d="M7.800 8a2.200 2.200 0 1 1 3.200 2c-.7.400-1 .8-1 1.500M10 14v.1" /></>,
  copy: <><rect x="7" y="7" width="10" height="10" rx="1.500" /><path d="M13 7V3H3v10h4" /></>,
  dot: <circle cx="10" cy="10" r="2.500" />,
  search: <><circle cx="9" cy="9" r="5.500" /><path d="m13 13 4 4" /></>,
  download: <path d="M10 3v9.500M6 8.500l4 4 4-4M3.500 13v3.500h13V13" />,
  file: <path d="M5 2.500h6.500L15.500 6.500v11H5zM11.500 2.500v4h4" />,
  plus: <path d="M10 4v12M4 10h12" />,
  arrow: <path d="M4 10h12M11.500 5.500 16 10l-4.500 4.500" />,
  chevron: <path d="m7.500 5 5 5-5 5" />,
  link: <path d="M8.500 11.500a3.300 3.300 0 0 0 4.700 0l2.500-2.500A3.300 3.300 0 0 0 11 4.300l-1 1M11.500 8.500a3.300 3.300 0 0 0-4.700 0L4.300 11A3.300 3.300 0 0 0 9 15.700l1-1" />,
  unlink: <path d="M12 13.500 9.500 16A3.300 3.300 0 0 1 4.300 11L6.500 8.500M8 6.500 10.500 4a3.300 3.300 0 0 1 5.200 5l-2.200 2.500M3.500 3.500l13 13" />,
  lock: <><rect x="4.500" y="9" width="11" height="8" rx="1.500" /><path d="M7 9V6.500a3 3 0 0 1 6 0V9" /></>,
  reload: <path d="M16 10a6 6 0 1 1-1.800-4.300L16 7.500M16 3.500v4h-4" />,
} satisfies Record<string, ReactNode>

export type IconName = keyof typeof PATHS

export function Icon({ name }: { name: IconName }) {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      {PATHS[name]}
    </svg>
  )
}

/** The mark: two columns, and the lines that agree. */
export function Mark() {
  return (
    <svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect className="mark-field" width="32" height="32" rx="8" />
      <path className="mark-left" d="M8 11h7M8 16h7M8 21h4" />
      <path className="mark-right" d="M19 11h5M19 16h5M19 21h5" />
    </svg>
  )
}
