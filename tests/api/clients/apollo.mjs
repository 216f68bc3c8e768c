// Apollo Client: what a partner does with it. Is told by stdin, tells what came of it on stdout.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache } from "@apollo/client/core";
import { CombinedGraphQLErrors } from "@apollo/client/errors";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries";
import { GraphQLWsLink } from "@apollo/client/link/subscriptions";
import { OperationTypeNode, parse } from "graphql";
import { createClient as createWsClient } from "graphql-ws";
import { WebSocket } from "ws";

const told = JSON.parse(readFileSync(0, "utf-8"));
const { url, streamUrl, key, region, inputs, operations, possibleTypes } = told;
const documents = Object.fromEntries(
  Object.entries(operations).map(([name, text]) => [name, parse(text)]),
);
const authorization = { Authorization: `Bearer ${key}` };
const seen = []; // how each answer came: status, and the hash instead of a document

async function watched(address, options) {
  const response = await fetch(address, options);
  seen.push({
    method: options.method,
    status: response.status,
    type: response.headers.get("content-type"),
    named: String(options.body).includes("sha256Hash"),
    text: String(options.body).includes('"query"'),
  });
  return response;
}
const ws = createWsClient({ url: streamUrl, webSocketImpl: WebSocket, connectionParams: authorization });
function clientOf(headers, ...before) {
  const http = ApolloLink.from([...before, new HttpLink({ uri: url, headers, fetch: watched })]);
  return new ApolloClient({
    cache: new InMemoryCache({ possibleTypes }),
    link: ApolloLink.split(
      ({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION,
      new GraphQLWsLink(ws),
      http,
    ),
  });
}

const client = clientOf(authorization);
const stranger = clientOf({});

async function receive(input, headers = {}) {
  const { data } = await client.mutate({
    mutation: documents.ReceiveComplaint,
    variables: { input },
    context: { headers },
  });
  return data.receiveComplaint;
}

async function errorOf(asked) {
  try {
    await asked;
  } catch (error) {
    if (CombinedGraphQLErrors.is(error)) return error.errors[0];
    throw error;
  }
  throw new Error("nothing was wrong with it");
}

// Queries and mutations
const viewer = (await client.query({ query: documents.Viewer })).data.viewer;
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
  const { complaints } = (await client.query({ query: documents.ComplaintsPage, variables })).data;
  pages.push(complaints.edges.map(({ node }) => node.number));
  ({ endCursor: after, hasNextPage: more } = complaints.pageInfo);
}
const page = { query: documents.ComplaintsPage, variables: { region, first: 2 } };
const noKey = (await errorOf(stranger.query(page))).extensions.code;
const unknownField = (await errorOf(client.query({ query: parse("{ nothing }") }))).message;

// A document by its hash; one that is not registered is sent once more, with its text
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const persisting = clientOf(authorization, new PersistedQueryLink({ sha256 }));
seen.length = 0;
const persisted = (await persisting.query({ query: documents.Viewer })).data.viewer;
const persistedBy = [...seen];
const unregistered = (await persisting.query(page)).data.complaints.totalCount;

// A case, followed over a WebSocket
const caseId = received[0].complaint.id;
const steps = [];
await new Promise((resolve, reject) => {
  client
    .subscribe({ query: documents.CaseChanged, variables: { caseId, after: 0 } })
    .subscribe({
      error: reject,
      next: ({ data, error }) => {
        if (error) return reject(error);
        steps.push(data.caseChanged.topic);
        if (steps.length === 2) return resolve();
        const mutation = documents.WithdrawComplaint;
        const variables = { input: { complaintId: caseId } };
        client.mutate({ mutation, variables }).catch(reject);
      },
    });
});
await ws.dispose();

console.log(
  JSON.stringify({
    ...{ viewer, received, again, reused, reusedBy, invalid, pages, noKey, unknownField },
    ...{ persisted, persistedBy, unregistered, steps },
  }),
);
