"""Verdicts to what people and programs read. Values in, text out; whoever calls writes it somewhere.

result     the document `lab-result/1`
telling    a run told as it goes: a line a case, or the routes; failures in full; the summary
terminal   one route drawn, one check with its evidence
timeline   what a probe's witnesses saw, in the order of time
comments   the same story as comments on the packets of a capture
alike      repetitions that went the same way, told once
page       one HTML page for a run: no script, no remote reference
ci         JUnit XML, GitHub annotations, a step summary
"""
