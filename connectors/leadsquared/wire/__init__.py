"""LeadSquared's bytes and records, each way: `attributes` and the parameters of a call, `bulk`
calls and their answers, and the other `answers`. Pure. `parse(render(x)) == x` everywhere.
"""
