// The build is a pure function of the sources: no date, no path and no random id goes into it,
// so two clones give the same bytes and the release digest does not move without a reason.
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// Where `npm run dev` and `npm run preview` find the API; a built bundle knows only /config.json.
const backend = process.env.RECON_BACKEND ?? 'http://127.0.0.1:2000'

const proxy = {
  '/api': { target: backend, changeOrigin: false },
  '/ws': { target: backend, ws: true, changeOrigin: false },
}

// What the edge will send, so that a violation shows up here first.
const headers = {
  'Content-Security-Policy': "default-src 'self'",
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
}

export default defineConfig({
  plugins: [react()],
  server: { host: '127.0.0.1', proxy },
  preview: { host: '127.0.0.1', proxy, headers },
  build: {
    target: 'es2022',
    // light-dark() is left as it is written: the page asks for browsers of 2024 or later.
    cssTarget: ['chrome123', 'firefox121', 'safari17.5'],
    // A data: address would break `default-src 'self'`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
    reportCompressedSize: false,
  },
})
