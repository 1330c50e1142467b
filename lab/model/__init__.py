"""The frozen values that pass between the stages of the chain. No value here does any I/O.

scenario       what a person writes (pydantic, strict): the arrangement, the probes, the expectations
catalogue      what the lab knows of each server image: role, configuration template, quirks with their source
plan           what the engine is to carry out, decided to the last file
observations   what the witnesses saw: the only input of `lab.trace`
routes         what was found out: hops, stages, where TLS ended, each with its evidence
verdicts       what it was held against, and the outcome
"""
