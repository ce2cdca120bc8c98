"""The command line: `gptimage NOUN VERB`."""


def main() -> int:
    raise SystemExit("not built yet")
