import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { loadConfig } from './api/config'
import { App } from './app/app'
import { SessionProvider } from './app/session'
import { ToastProvider } from './ui/toast'
import './styles/tokens.css'
import './styles/base.css'
import './styles/parts.css'
import './styles/grid.css'
import './styles/screens.css'

await loadConfig()
const root = document.getElementById('root')
if (root) {
  createRoot(root).render(
    <StrictMode>
      <ToastProvider>
        <SessionProvider><App /></SessionProvider>
      </ToastProvider>
    </StrictMode>,
  )
}
