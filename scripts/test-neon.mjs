// Runs the tests of the Reed–Solomon kernels on the 64-bit ARM variant, under qemu where this machine is
// another. Whatever is missing for that is named and the run counts as skipped.

import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const TARGET = 'aarch64-unknown-linux-gnu'
const LINKER = 'aarch64-linux-gnu-gcc'
const EMULATOR = 'qemu-aarch64'

const environment = { ...process.env }
const missing = []
if (process.arch !== 'arm64') {
  for (const program of [LINKER, EMULATOR]) if (!runs(program, ['--version'])) missing.push(program)
  environment.CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER = LINKER
  environment.CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER = `${EMULATOR} -L /usr/aarch64-linux-gnu`
}
if (!runs('cargo', ['--version'])) missing.push('cargo')
else if (!hasStd()) missing.push(`the Rust standard library for ${TARGET} (rustup target add ${TARGET})`)

if (missing.length > 0) {
  console.log(`skipped: the NEON kernels need ${missing.join(' and ')}`)
} else {
  const tests = ['--test', 'reed_solomon', '--test', 'guard_pages']
  const run = spawnSync('cargo', ['test', '--release', '--target', TARGET, '-p', 'pangea-ces', ...tests], {
    cwd: fileURLToPath(new URL('../native', import.meta.url)),
    env: environment,
    stdio: 'inherit'
  })
  process.exitCode = run.status ?? 1
}

function runs(program, parameters) {
  return spawnSync(program, parameters, { stdio: 'ignore' }).status === 0
}

function hasStd() {
  const found = spawnSync('rustc', ['--print', 'target-libdir', '--target', TARGET], { encoding: 'utf8' })
  return found.status === 0 && existsSync(found.stdout.trim())
}
