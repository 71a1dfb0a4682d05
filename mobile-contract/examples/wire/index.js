/** What every client of Athena Budget needs, whatever its database: stamps, changes, the wire, verdicts. No dependency. */
export { Api, Problem } from './api.js';
export { notice, queued, remove, restamp, submit, upsert, view, withdraw } from './changes.js';
export { Clock } from './clock.js';
export { push } from './push.js';
export { requeue } from './restored.js';
export { uuidv7 } from './uuid.js';
