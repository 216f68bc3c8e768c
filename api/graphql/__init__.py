"""The GraphQL schema, one module per area."""
