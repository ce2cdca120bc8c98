"""Your account: a control for every right (S38).

account    what is held, in plain words; country; sign-ins; who looked
choices    consents, objections, restriction
exports    a copy of everything, made, kept sealed for some days, fetched
deletion   the end of an account, and the erasure that follows it
"""
