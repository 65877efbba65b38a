"""SQL of routing. Functions take a transaction and never commit.

Whoever changes agents, or makes rings, first locks the account's router. A batch of messaging ends rings without that
lock: it holds the conversation. So what routing locks besides (queued conversations, rings) it takes only if nobody
else has it at the moment, and neither waits for the other in a circle.
"""
