"""The edge: HTTP, GraphQL, command line, and the composition root that joins the layers."""
