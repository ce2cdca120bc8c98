"""What embedders test their own policies and stores with.

`strategies`  Hypothesis strategies: random policies, timelines, accesses, facts (needs `hypothesis`)
"""
