/** A run's progress stream that outlives lost connections. */
import { progressUrl } from './config'
import { accessToken } from './session'
import type { Frame } from './types'

/** The server's own close codes: neither gets better by trying again. */
const CLOSED_BAD_TOKEN = 4401
const CLOSED_UNKNOWN_RUN = 4404

/** Half a second at first, doubled up to eight: a deploy takes seconds, an outage needs no hammering. */
const FIRST_DELAY_MS = 500
const LAST_DELAY_MS = 8_000

export interface Watcher {
  onFrame: (frame: Frame) => void
  /** Whether the stream is up; the page then says so instead of standing still in silence. */
  onConnection: (up: boolean) => void
  /** No more will come: the run is over, or the server does not want us. */
  onEnd: () => void
}

/** Follows a run until it ends or the returned function is called. */
export function watchRun(runId: string, watcher: Watcher): () => void {
  let stopped = false
  let lastSeq = 0
  let failures = 0
  let socket: WebSocket | null = null
  let timer: ReturnType<typeof setTimeout> | undefined

  const finish = () => {
    if (stopped) return
    stopped = true
    watcher.onEnd()
  }

  const open = async () => {
    const token = await accessToken().catch(() => null)
    if (stopped) return
    socket = new WebSocket(progressUrl(runId))
    socket.onopen = () => socket?.send(JSON.stringify({ token, last_seq: lastSeq }))
    socket.onmessage = (event: MessageEvent<string>) => {
      failures = 0
      const frame = JSON.parse(event.data) as Frame
      // A replay after reconnecting may repeat what was seen.
      if (frame.seq <= lastSeq) return
      lastSeq = frame.seq
      watcher.onConnection(true)
      watcher.onFrame(frame)
      if (frame.type === 'done' || frame.type === 'error') finish()
    }
    socket.onclose = (event) => {
      if (stopped) return
      if (event.code === CLOSED_UNKNOWN_RUN || (event.code === CLOSED_BAD_TOKEN && failures > 0)) return finish()
      watcher.onConnection(false)
      timer = setTimeout(() => void open(), reconnectDelay(failures))
      failures += 1
    }
  }

  void open()
  return () => {
    stopped = true
    clearTimeout(timer)
    socket?.close()
  }
}

/** How long to wait after so many failures in a row. */
export function reconnectDelay(failures: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** failures, LAST_DELAY_MS)
}
