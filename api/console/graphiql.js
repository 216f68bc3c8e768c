// Starts GraphiQL. The key is typed into the editor of headers and kept nowhere.
"use strict";

const EXAMPLE = `# Type your API key into "Headers" below: {"Authorization": "Bearer rk_..."}
# 请在下方 Headers 中填写API密钥。
# Ctrl-Enter runs the query, Ctrl-Space completes. Ctrl-Enter 执行，Ctrl-Space 补全。

query Complaints {
  viewer { actor role }
  complaints(first: 10) {
    totalCount
    edges { node { number state stateLabel(lang: ZH) receivedAt } }
    pageInfo { hasNextPage endCursor }
  }
}
`;

async function ask(request, options) {
  const headers = new Headers(options?.headers);
  if (/^\s*(bearer)?\s*$/i.test(headers.get("Authorization") ?? "")) {
    headers.delete("Authorization"); // not filled in yet: the schema needs no key
  }
  headers.set("Content-Type", "application/json");
  headers.set("Accept", "application/json");
  const response = await fetch("/graphql", {
    method: "POST",
    headers,
    body: JSON.stringify(request),
  });
  return response.json();
}

ReactDOM.createRoot(document.getElementById("graphiql")).render(
  React.createElement(GraphiQL, {
    fetcher: ask,
    plugins: [GraphiQLPluginExplorer.explorerPlugin()],
    defaultQuery: EXAMPLE,
    defaultHeaders: '{\n  "Authorization": "Bearer "\n}',
    defaultEditorToolsVisibility: "headers",
    isHeadersEditorEnabled: true,
    shouldPersistHeaders: false,
    inputValueDeprecation: true,
  }),
);
