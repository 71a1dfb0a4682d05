/** A signed-in client in the fake world: its time, its stream and what it is answered are the test's. */
import {
  type Client,
  type HttpRequest,
  type HttpResponse,
  memoryStore,
  memoryVault,
  openClient,
} from '../../src/index.js'
import { allApplied, answer, emptyPage, FakeStream, FakeTime, TOKENS, USER } from './fake-world.js'

type Answerer = (request: HttpRequest) => Promise<HttpResponse> | HttpResponse

export class Device {
  readonly time = new FakeTime()
  readonly stream = new FakeStream()
  readonly calls: HttpRequest[] = []
  answers: Answerer = (request) =>
    request.method === 'POST' ? allApplied(request) : answer(200, emptyPage())
  client!: Client

  static async signedIn(withStream: boolean): Promise<Device> {
    const device = new Device()
    device.client = await openClient({
      baseUrl: 'https://budget.test',
      store: memoryStore(),
      transport: async (request) => {
        device.calls.push(request)
        return device.answers(request)
      },
      environment: device.time.environment,
      deviceId: 'device',
      vault: memoryVault(),
      ...(withStream ? { openStream: device.stream.open } : {}),
    })
    await device.client.signIn(USER, TOKENS)
    return device
  }
}
