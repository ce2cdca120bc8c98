"""Features, each with routes, service, schemas and pages of its own; no feature imports another."""
