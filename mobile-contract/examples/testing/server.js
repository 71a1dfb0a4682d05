import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';

const READY_MS_MAX = 120_000;

/** A real server with the demo organisation, in a folder of its own. */
export class Server {
  #folder;
  #child;
  #log = '';
  #port = 0; // the same after a restart: phones know the address
  url = '';

  static async start() {
    const server = new Server();
    server.#folder = await mkdtemp(join(tmpdir(), 'athena-examples-'));
    await server.#run();
    return server;
  }

  async #run() {
    const binary = process.env.ATHENA_BIN;
    if (!binary) throw new Error('ATHENA_BIN must name the athena binary (scripts/test-examples builds it)');
    this.#port ||= await freePort();
    const address = `127.0.0.1:${this.#port}`;
    this.url = `http://${address}`;
    // Settings of whoever runs the tests are not those of this server.
    const foreign = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ATHENA_')));
    this.#child = spawn(binary, ['serve', '--demo', '--listen', address, '--data-dir', join(this.#folder, 'data')], {
      env: { ...foreign, ATHENA_RATE_LIMIT: 'off' },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream.on('data', (chunk) => (this.#log = (this.#log + chunk).slice(-20_000)));
    }
    this.#child.on('error', (error) => (this.#log += error));
    const until = Date.now() + READY_MS_MAX;
    while (!(await fetch(`${this.url}/readyz`).then((answer) => answer.ok, () => false))) {
      if (this.#child.exitCode !== null || !this.#child.pid || Date.now() > until) {
        await this.stop();
        throw new Error(`the server did not become ready:\n${this.#log}`);
      }
      await delay(50);
    }
  }

  async #halt() {
    if (!this.#child.pid || this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
  }

  /** Puts everything back to what it was here, however much happens in between: a backup and its restore. */
  async backup() {
    const [data, copy] = [join(this.#folder, 'data'), join(this.#folder, 'copy')];
    await this.#halt();
    await cp(data, copy, { recursive: true });
    await this.#run();
    return async () => {
      await this.#halt();
      await rm(data, { recursive: true });
      await cp(copy, data, { recursive: true });
      await this.#run();
    };
  }

  async stop() {
    await this.#halt();
    await rm(this.#folder, { recursive: true, force: true });
  }
}

async function freePort() {
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address();
  listener.close();
  await once(listener, 'close');
  return port;
}
