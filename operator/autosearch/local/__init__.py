"""The local shell: trials as processes of this machine, around the same engine as the operator.

It imports nothing here, for the supervisor is started through it and must stay small.
"""
