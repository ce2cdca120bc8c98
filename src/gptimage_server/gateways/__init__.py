"""Gateways to the world outside: mail now; model providers, payments and identity beside it."""
