"""Site image-app's AWS side (stack `source`): what the sync needs there, apart from both failover stacks.

A failover stack holds nothing of the cloud that fails: one unreadable AWS resource would block `pulumi up -s active` on
the very day. This stack is changed in quiet times only.
"""
