// A dozen handlers for the AWS JavaScript SDK, unchanged Lambda code; ours are in test_server_peers.py.
// One process runs them all: the execution's name says which, as `CASE-…`.

import {
  LambdaClient,
  SendDurableExecutionCallbackSuccessCommand,
} from "@aws-sdk/client-lambda";
import { withDurableExecution } from "@aws/durable-execution-sdk-js";

const attempts = new Map();

async function answer(CallbackId, result) {
  const command = new SendDurableExecutionCallbackSuccessCommand({
    CallbackId,
    Result: Buffer.from(result),
  });
  await new LambdaClient({}).send(command);
}

const cases = {
  async steps(event, context) {
    const first = await context.step("first", async () => event.n + 1);
    await context.wait("pause", { seconds: 1 });
    return await context.step("second", async () => first * 2);
  },

  async retries(event, context) {
    return await context.step(
      "flaky",
      async () => {
        attempts.set(event.key, (attempts.get(event.key) ?? 0) + 1);
        if (attempts.get(event.key) < 3) throw new Error("not yet");
        return "at last";
      },
      {
        retryStrategy: (_error, attempt) => ({
          shouldRetry: attempt < 3,
          delay: { seconds: 1 },
        }),
      },
    );
  },

  async child(event, context) {
    return await context.runInChildContext("group", async (inner) => {
      const value = await inner.step("inside", async () => event.n);
      await inner.wait("rest", { seconds: 1 });
      return value + 1;
    });
  },

  async branches(_event, context) {
    const results = await context.parallel("both", [
      async (inner) => await inner.step("a", async () => "a"),
      async (inner) => await inner.step("b", async () => "b"),
    ]);
    return results.getResults();
  },

  async items(_event, context) {
    const results = await context.map("each", [1, 2, 3], async (inner, item) =>
      inner.step("double", async () => item * 2),
    );
    return results.getResults();
  },

  async callback(_event, context) {
    const [awaited, callbackId] = await context.createCallback("approval", {
      timeout: { minutes: 5 },
    });
    await context.step("ask", async () => await answer(callbackId, '"yes"'));
    return await awaited;
  },

  async submitted_callback(_event, context) {
    return await context.waitForCallback(
      "approval",
      async (callbackId) => await answer(callbackId, '"done"'),
      { timeout: { minutes: 5 } },
    );
  },

  async callback_timeout(_event, context) {
    const [awaited] = await context.createCallback("approval", {
      timeout: { seconds: 1 },
    });
    try {
      return await awaited;
    } catch {
      return "nobody answered";
    }
  },

  async condition(_event, context) {
    return await context.waitForCondition("ready", async (state) => state + 1, {
      initialState: 0,
      waitStrategy: (state) =>
        state >= 3
          ? { shouldContinue: false }
          : { shouldContinue: true, delay: { seconds: 1 } },
    });
  },

  async invoke_plain(_event, context) {
    return await context.invoke("add", "adder", [1, 2]);
  },

  async invoke_missing(_event, context) {
    try {
      return await context.invoke("lost", "nowhere:1", {});
    } catch {
      return "not found";
    }
  },

  async failure(_event, context) {
    await context.step("before", async () => "fine");
    throw new RangeError("out of stock");
  },

  async nested(_event, context) {
    return await context.runInChildContext("outer", async (inner) =>
      inner.runInChildContext("inner", async (deep) =>
        deep.step("deep", async () => "deep"),
      ),
    );
  },
};

const handlers = Object.fromEntries(
  Object.entries(cases).map(([name, each]) => [name, withDurableExecution(each)]),
);

export async function handler(event, lambdaContext) {
  const name = event.DurableExecutionArn.split("/").at(-2);
  return await handlers[name.split("-")[0]](event, lambdaContext);
}
