"""Groups, splits, freeze, certificate, label vault."""
