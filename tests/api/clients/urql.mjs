// urql: what a partner does with it. Is told by stdin, tells what came of it on stdout.
import { readFileSync } from "node:fs";
import { createClient, fetchExchange, subscriptionExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { parse } from "graphql";
import { createClient as createSseClient } from "graphql-sse";
import { createClient as createWsClient } from "graphql-ws";
import { WebSocket } from "ws";

const { url, streamUrl, key, region, inputs, operations } = JSON.parse(readFileSync(0, "utf-8"));
const documents = Object.fromEntries(
  Object.entries(operations).map(([name, text]) => [name, parse(text)]),
);
const authorization = { Authorization: `Bearer ${key}` };
const seen = []; // how each answer came: status, and the hash instead of a document

function clientOf(headers, exchanges = [fetchExchange]) {
  return createClient({
    url,
    exchanges,
    requestPolicy: "network-only",
    fetchOptions: { headers },
    fetch: async (address, options) => {
      const response = await fetch(address, options);
      seen.push({
        method: options.method ?? "GET",
        status: response.status,
        type: response.headers.get("content-type"),
        named: decodeURIComponent(String(address) + (options.body ?? "")).includes("sha256Hash"),
        text: /[?&"]query[="]/.test(String(address) + (options.body ?? "")),
      });
      return response;
    },
  });
}

const client = clientOf(authorization);
const stranger = clientOf({});

async function receive(input, headers = {}) {
  const answer = await client
    .mutation(
      documents.ReceiveComplaint,
      { input },
      { fetchOptions: { headers: { ...authorization, ...headers } } },
    )
    .toPromise();
  if (answer.error) throw answer.error;
  return answer.data.receiveComplaint;
}

async function errorOf(asked) {
  const { error } = await asked.toPromise();
  return error.graphQLErrors[0];
}

// Queries and mutations
const viewer = (await client.query(documents.Viewer, {}).toPromise()).data.viewer;
const idempotent = { "Idempotency-Key": `${region}-0` };
const received = [await receive(inputs[0], idempotent)];
for (const input of inputs.slice(1)) received.push(await receive(input));
const again = await receive(inputs[0], idempotent);
const reused = await receive({ ...inputs[0], subject: "另一件" }, idempotent);
const reusedBy = seen.at(-1);
const invalid = await receive({ ...inputs[0], subject: "" }, { "Accept-Language": "zh" });
const pages = [];
for (let after = null, more = true; more; ) {
  const variables = { region, first: 2, after };
  const { complaints } = (await client.query(documents.ComplaintsPage, variables).toPromise()).data;
  pages.push(complaints.edges.map(({ node }) => node.number));
  ({ endCursor: after, hasNextPage: more } = complaints.pageInfo);
}
const variables = { region, first: 2 };
const noKey = (await errorOf(stranger.query(documents.ComplaintsPage, variables))).extensions.code;
const unknownField = (await errorOf(client.query("{ nothing }", {}))).message;

// A document by its hash: registered ones only, there is no way back to the text
seen.length = 0;
const persisting = clientOf(authorization, [
  persistedExchange({ enforcePersistedQueries: true }),
  fetchExchange,
]);
const persisted = (await persisting.query(documents.Viewer, {}).toPromise()).data.viewer;
const persistedBy = [...seen];
const unregistered = (await errorOf(persisting.query(documents.ComplaintsPage, variables)))
  .extensions.code;

// A case, followed over both kinds of streams
async function follow(forward, act) {
  const streaming = clientOf(authorization, [
    fetchExchange,
    subscriptionExchange({ forwardSubscription: forward }),
  ]);
  const steps = [];
  const asked = { caseId: received[0].complaint.id, after: 0 };
  await new Promise((resolve, reject) => {
    const { unsubscribe } = streaming
      .subscription(documents.CaseChanged, asked)
      .subscribe(({ data, error }) => {
        if (error) reject(error);
        steps.push(data.caseChanged.topic);
        if (steps.length === 1) act().catch(reject);
        if (steps.length === 2) resolve(unsubscribe());
      });
  });
  return steps;
}
const forwardTo = (streams) => (request) => ({
  subscribe: (sink) => ({
    unsubscribe: streams.subscribe({ ...request, query: request.query ?? "" }, sink),
  }),
});
const ws = createWsClient({ url: streamUrl, webSocketImpl: WebSocket, connectionParams: authorization });
const steps = await follow(forwardTo(ws), () =>
  client
    .mutation(documents.WithdrawComplaint, { input: { complaintId: received[0].complaint.id } })
    .toPromise(),
);
const sse = createSseClient({ url, headers: authorization });
const stepsBySse = await follow(forwardTo(sse), async () => {});
await ws.dispose();
sse.dispose();

console.log(
  JSON.stringify({
    ...{ viewer, received, again, reused, reusedBy, invalid, pages, noKey, unknownField },
    ...{ persisted, persistedBy, unregistered, steps, stepsBySse },
  }),
);
