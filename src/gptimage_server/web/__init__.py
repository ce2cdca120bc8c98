"""What every feature's routes stand on: answers, forms, errors, headers, the request log, who is asking.

answers     one reply as a page or as JSON · forms  reading input · errors  problems people can read
security    headers and the cross-site check · requestlog  exactly the five fields and an id (S8)
visitor     who is asking (the session's cookie) · cookies · ids · pages · places  countries
"""
