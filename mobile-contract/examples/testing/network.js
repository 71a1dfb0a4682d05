/** A phone's network: `fetch` that counts what it sends and can be told to lose answers. */
export class Network {
  /** The items of each batch that went out, in order. */
  batches = [];
  /** How far each page that was asked for goes back, in order; null: to the beginning. */
  pulls = [];
  #lose = 0;

  /** The next batches reach the server; their answers do not come back. */
  loseAnswers(count) {
    this.#lose = count;
  }

  fetch = async (url, options) => {
    const isBatch = url.endsWith('/requests/sync');
    const { pathname, searchParams } = new URL(url);
    if (pathname.endsWith('/updates')) this.pulls.push(searchParams.get('lastSync'));
    if (isBatch) this.batches.push(JSON.parse(options.body).changes);
    const answer = await fetch(url, options);
    if (isBatch && this.#lose > 0) {
      this.#lose -= 1;
      await answer.arrayBuffer(); // the server has taken it: the transaction is committed
      throw new TypeError('the answer was lost');
    }
    return answer;
  };
}
