"""Site image-app: the Azure footprint that stands by for an AWS image application."""
