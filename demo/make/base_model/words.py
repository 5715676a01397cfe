"""Words that people write beyond the caption vocabulary, and which caption word each one means. No code that tokenizes.

Every word here is one token. Words with a meaning below get the trained embedding of that caption word; the others stay
near zero: they neither help nor disturb.
"""

# A block of words reads better than a list of quotes.
GENERAL_WORDS: tuple[str, ...] = tuple(
    """
    a an the of on in at by for from to and or with without over under behind beside near next front middle center left
    right top bottom corner is are small large big tall short wide narrow round square oval flat thin thick two three
    photo photograph picture image product catalog studio shot packshot scene set setting backdrop background interior
    room kitchen bathroom bedroom living dining office hallway terrace garden shelf desk counter windowsill floor table
    tabletop surface wall corner window light lighting shadow shadows sun sunlight daylight lamp evening morning night dark
    bright warm cool soft hard harsh diffuse natural moody dramatic hazy glow spotlight sunset pastel minimal minimalist
    luxury elegant rustic modern classic vintage retro nordic scandinavian japanese mediterranean industrial organic brand
    look style clean simple cozy calm fresh playful premium handmade empty
    mug cup glass tumbler bottle carafe pitcher teapot vase bowl plate jar drinkware tableware pendant sconce lantern
    chandelier bulb shade candle bag handbag tote backpack clutch purse wallet strap chair stool bench armchair sofa couch
    seat seating cushion shoe sneaker boot shirt dress jacket watch ring necklace perfume cream soap book books plant pot
    leaf leaves branch branches flower flowers stone stones pebble pebbles arch plinth pedestal podium block blocks cube
    cubes sphere ball cone disc curtain niche props prop
    white ivory cream beige tan sand brown chocolate black charcoal grey gray silver gold golden brass copper bronze red
    crimson burgundy coral salmon pink rose blush orange peach terracotta rust amber yellow mustard lemon green olive sage
    mint emerald forest teal turquoise aqua blue navy sky indigo purple lilac lavender violet plum magenta
    wood wooden oak walnut pine birch ash bamboo rattan wicker cane marble granite terrazzo travertine slate concrete
    cement plaster brick tile tiles ceramic porcelain clay linen cotton canvas wool felt velvet silk leather suede denim
    knit paper metal steel chrome aluminum iron plastic acrylic lacquer enamel matte glossy rough smooth polished brushed
    textured patterned striped checkered slatted woven
    vitrine
    """.split()
)
"""Words of product catalogs and of people who describe pictures, beside those of the captions."""

MEANT_AS: dict[str, str] = {
    "gray": "grey",
    "silver": "grey",
    "slate": "charcoal",
    "ivory": "cream",
    "peach": "blush",
    "rose": "blush",
    "salmon": "coral",
    "rust": "terracotta",
    "clay": "terracotta",
    "yellow": "mustard",
    "amber": "mustard",
    "lavender": "lilac",
    "violet": "lilac",
    "purple": "lilac",
    "mint": "sage",
    "olive": "sage",
    "emerald": "forest",
    "turquoise": "teal",
    "aqua": "teal",
    "indigo": "navy",
    "wood": "oak",
    "wooden": "oak",
    "birch": "oak",
    "ash": "oak",
    "pine": "oak",
    "cement": "concrete",
    "wicker": "rattan",
    "cane": "rattan",
    "cotton": "linen",
    "tiles": "tile",
    "tabletop": "table",
    "surface": "table",
    "backdrop": "wall",
    "background": "wall",
    "dark": "moody",
    "dramatic": "moody",
    "diffuse": "soft",
    "sunset": "golden",
    "harsh": "hard",
    "shadow": "shadows",
    "leaves": "leaf",
    "podium": "plinth",
    "pedestal": "plinth",
    "pebble": "pebbles",
    "stones": "pebbles",
    "book": "books",
    "cube": "cubes",
    "ball": "sphere",
    "flowers": "branches",
}
"""Word a person may write -> caption word whose trained embedding it shares."""
