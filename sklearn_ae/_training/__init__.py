"""From arrays to a trained module; knows nothing of estimators, and alone knows skorch.

Read `recipe` for what can be asked for and `fit` for what is done about it, top down.
"""
