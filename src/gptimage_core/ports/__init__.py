"""Ports: what the core asks of the world. One small file each; the comments are the contracts.

An implementation is checked by the properties in `gptimage_core.testing`; a port holds no logic.
"""
