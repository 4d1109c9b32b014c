"""Differential tests of the shim with the published SDKs: the same call natively and through the shim, compared."""
