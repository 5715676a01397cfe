"""The nouns: product, category, brand kit, recipe, variant, verdict; their keys; their errors."""
