"""Deployments that the lab did not make: found, watched while one request passes, left as they were.

finding    which containers run, and what they are called
places     which network namespaces they have, and what is watched on the host
watching   the recorder in all of them, a client where the request is to come from, the request itself
bringing   the evidence home, in the layout of a case's folder
trust      certificate authorities that this machine trusts

Rule: nothing is installed in, written to, or asked of the deployment but the one request. The only containers that are made
are the recorder and the client, both the lab's, both removed.
"""
