/** The server refused a whole request (RFC 9457); verdicts of single changes are never thrown. */
export class Problem extends Error {
  /** @param {Response} response @param {any} body */
  constructor(response, body) {
    super(`${response.status} ${body.code ?? ''}: ${body.detail ?? response.statusText}`);
    this.status = response.status;
    this.code = body.code ?? null;
    /** How long to wait before trying again, if the server said. */
    this.retryAfterMs = response.headers.has('retry-after') ? Number(response.headers.get('retry-after')) * 1000 : null;
  }
}

/** The few calls of the HTTP interface that a phone of a sales person makes. */
export class Api {
  #url;
  #fetch;
  #session;
  #refreshing = null;

  /**
   * @param {string} url of the server
   * @param {{accessToken: string, refreshToken: string, user: {id: string}}} session an answer to login or refresh
   * @param {typeof fetch} [fetchIt]
   */
  constructor(url, session, fetchIt = fetch) {
    [this.#url, this.#session, this.#fetch] = [url, session, fetchIt];
  }

  static async signIn(url, email, password, fetchIt = fetch) {
    const signedOut = new Api(url, { accessToken: '', refreshToken: '', user: { id: '' } }, fetchIt);
    return new Api(url, await signedOut.#send('POST', '/auth/login', { email, password }), fetchIt);
  }

  /** To be kept in the device's key store: without it the queue cannot be sent after a restart. */
  get session() {
    return this.#session;
  }

  /** Sends a batch; a push asks for no pull (no `lastSync`), so that a lost answer loses no place in the feed. */
  sync({ deviceId, clientTime, changes }) {
    return this.call('POST', '/requests/sync', { deviceId, userId: this.#session.user.id, clientTime, changes });
  }

  /**
   * All that changed since `lastSync`.
   * @param {string|null|undefined} lastSync
   * @returns {Promise<{records: any[], removed: string[], lastSync: string, whole: boolean, restored: boolean}>}
   *   `whole`: these are all there are. `restored`: because the server lost what it had (a backup was restored).
   */
  async pull(lastSync) {
    const entries = new Map(); // what changed while it pages comes again: the later wins
    let place = lastSync ?? null;
    for (let page = { hasMore: true }; page.hasMore; place = page.lastSync) {
      try {
        page = await this.call('GET', `/requests/updates${place ? `?lastSync=${encodeURIComponent(place)}` : ''}`);
      } catch (problem) {
        if (problem.code !== 'resync_required' || !lastSync) throw problem;
        return { ...(await this.pull(null)), restored: true };
      }
      for (const { record, id } of page.changes) entries.set(record?.id ?? id, record ?? null);
    }
    const records = [...entries.values()].filter(Boolean);
    const removed = [...entries.keys()].filter((id) => entries.get(id) === null);
    return { records, removed, lastSync: place, whole: !lastSync, restored: false };
  }

  /** A call as this user; a token that has expired is renewed, once. */
  async call(method, path, body) {
    try {
      return await this.#send(method, path, body);
    } catch (problem) {
      if (problem.code !== 'token_expired') throw problem;
      await this.refresh();
      return this.#send(method, path, body);
    }
  }

  /** Renews the tokens; calls at the same time share one renewal, since a refresh token serves once. */
  refresh() {
    this.#refreshing ??= this.#send('POST', '/auth/refresh', { refreshToken: this.#session.refreshToken })
      .then((session) => (this.#session = session))
      .finally(() => (this.#refreshing = null));
    return this.#refreshing;
  }

  async #send(method, path, body) {
    const response = await this.#fetch(`${this.#url}/api/v1${path}`, {
      method,
      headers: {
        accept: 'application/json',
        ...(body && { 'content-type': 'application/json' }),
        ...(this.#session.accessToken && { authorization: `Bearer ${this.#session.accessToken}` }),
      },
      body: body && JSON.stringify(body),
    });
    const answer = await response.json().catch(() => ({}));
    if (!response.ok) throw new Problem(response, answer);
    return answer;
  }
}
