"""监督检查: figures by unit, samples, checks of the chain, orders to rectify; written down in the inspection ledger."""
