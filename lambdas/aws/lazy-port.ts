/**
 * A port whose adapter is loaded when it is first asked for something. A function that reads one run should not pay for the clients of six
 * services when it starts: each is 30 to 60 KB of code and some 8 ms (`bench/aws/`). Adapters are bundled apart, and imported by need.
 */
type Method = (...args: never[]) => Promise<unknown>;

/** @param load once; tried again where it failed */
export const lazyPort = <Port extends object>(load: () => Promise<Port>): Port => portBehind(once(load));

/** @returns what gives the same at each call; tried again where it failed */
export function once<Found>(load: () => Promise<Found>): () => Promise<Found> {
  let loading: Promise<Found> | null = null;
  return () => {
    loading ??= load().catch((error) => {
      loading = null;
      throw error;
    });
    return loading;
  };
}

/** @param find asked at each call */
export function portBehind<Port extends object>(find: () => Promise<Port>): Port {
  return new Proxy({} as Port, {
    get:
      (_, name) =>
      async (...args: never[]) => {
        const port = await find();
        return (Reflect.get(port, name, port) as Method).apply(port, args);
      },
  });
}
