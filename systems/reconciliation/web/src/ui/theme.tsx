/** Light, dark, or as the system says. The choice is applied before paint by /theme.js. */
import { useState } from 'react'
import { Icon, type IconName } from './icons'

/** The same key as in public/theme.js. */
const STORE_KEY = 'recon.theme'

type Theme = 'system' | 'light' | 'dark'

const CHOICES: readonly { theme: Theme; name: string; icon: IconName }[] = [
  { theme: 'light', name: 'Light', icon: 'sun' },
  { theme: 'system', name: 'As the system', icon: 'system' },
  { theme: 'dark', name: 'Dark', icon: 'moon' },
]

function chosenTheme(): Theme {
  const theme = document.documentElement.dataset['theme']
  return theme === 'light' || theme === 'dark' ? theme : 'system'
}

function choose(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
  try {
    if (theme === 'system') localStorage.removeItem(STORE_KEY)
    else localStorage.setItem(STORE_KEY, theme)
  } catch {
    // Storage blocked: the choice lasts as long as the page.
  }
}

export function ThemeSwitch() {
  const [theme, setTheme] = useState(chosenTheme)
  return (
    <div className="themes" role="radiogroup" aria-label="Colours">
      {CHOICES.map((choice) => (
        <label key={choice.theme} title={choice.name}>
          <input
            type="radio"
            name="theme"
            className="sr-only"
            checked={theme === choice.theme}
            onChange={() => { choose(choice.theme); setTheme(choice.theme) }}
          />
          <Icon name={choice.icon} />
          <span className="sr-only">{choice.name}</span>
        </label>
      ))}
    </div>
  )
}
