"""Images: from a prompt to a picture, its history, and its end.

`choices` what can be chosen and what it costs · `service` asking and reading · `jobs` the runner ·
`deletion` the click, the undo, the end · `training` what owners consented to · `routes`, `schemas` the pages
"""
