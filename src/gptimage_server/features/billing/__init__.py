"""Billing: the page that shows a person's credits. The books themselves are `gptimage_server.credits`."""
