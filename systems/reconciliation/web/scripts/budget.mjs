// Fails when the page has grown heavier than what a first visit on a slow line should carry.
import { readdirSync, readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

/** 200 KB over a 3G line (1.6 Mbit/s) is one second. */
const MOST_BYTES = 200_000

const assets = new URL('../dist/assets/', import.meta.url)
const sizes = readdirSync(assets).map((name) => [name, gzipSync(readFileSync(new URL(name, assets)), { level: 9 }).length])
const total = sizes.reduce((sum, [, bytes]) => sum + bytes, 0)
for (const [name, bytes] of sizes) console.log(`${String(bytes).padStart(8)}  ${name}`)
console.log(`${String(total).padStart(8)}  of ${MOST_BYTES} bytes, gzipped`)
process.exitCode = total > MOST_BYTES ? 1 : 0
