// Runs before the first paint, so that a chosen theme does not flash the other one first.
// A file of its own, because the content security policy forbids inline scripts.
try {
  const chosen = localStorage.getItem('recon.theme')
  if (chosen === 'light' || chosen === 'dark') document.documentElement.dataset.theme = chosen
} catch {
  // Storage may be blocked; the system's preference then decides.
}
