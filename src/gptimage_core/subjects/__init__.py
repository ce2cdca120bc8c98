"""What people do with their data: choose, take it with them.

consent   every switch of the policy, how it stands, and turning it (S17, S19)
held      what the core's own tables hold about a person
source    everything held about a person, read under their own access (S36)
packing   a zip made piece by piece, with the SHA-256 of each file
pages     the archive's pages, for people: they open without a network
export    the archive itself
"""
