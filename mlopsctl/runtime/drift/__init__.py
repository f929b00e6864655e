"""How far requests are from the data that a model was trained on: columns as samples, and the distances between them.

All of it is the standard library. Distances are sums over counts or sorted numbers, and a check uses no p-values: with
many samples any difference is significant, and a threshold on a distance says how much of one matters.
"""
