/*
 * address_words.h
 *		Words of addresses and the form they are compared in; included by
 *		address.c.  Folded, in byte order of the word.
 */
static const char *const address_words[] = {
	"alley", "apartado", "apartament", "apartment", "appartamento", "appartement", "appt", "apto",
	"av", "avd", "avda", "aven", "avenid", "avenida", "avenu", "avenue", "avn", "avnue",
	"batiment", "bld", "bldng", "block", "blv", "boul", "boulevard", "boulevrd", "boulv", "bp",
	"building", "bulevar", "bulvari", "bvd", "cad", "caddesi", "carr", "casilla", "che", "chem",
	"circ", "circle", "circuit", "cirk", "cll", "close", "court", "cra", "crcl", "crescent",
	"cresent", "crossing", "crs", "crscnt", "crsent", "crt", "cso", "ctra", "departamento",
	"depto", "dpto", "driv", "drive", "drv", "east", "edif", "edificio", "eighth", "esplanade",
	"est", "este", "etage", "expressway", "expwy", "fbg", "fg", "fifth", "first", "flat", "floor",
	"flr", "fourth", "freeway", "garden", "gardens", "gdn", "gebaude", "grange", "grove", "grv",
	"heights", "highway", "highwy", "hiway", "ht", "hway", "imp", "island", "junction", "kra",
	"lane", "leste", "level", "lgh", "loop", "mah", "mahallesi", "mews", "mh", "mount",
	"mountain", "nam", "ninth", "noord", "nord", "nordest", "nordost", "nordwest", "norte",
	"north", "northeast", "northwest", "nr", "num", "number", "numero", "nummer", "n°", "oeste",
	"oost", "ost", "ouest", "palazzo", "parade", "parkway", "parkwy", "pca", "piso", "pkway",
	"pky", "place", "plz", "plza", "pob", "pobox", "point", "postbox", "postfach", "prosp", "pso",
	"pza", "pzza", "road", "room", "rte", "saint", "second", "seventh", "sixth", "sok", "sokagi",
	"south", "southeast", "southwest", "sqr", "squ", "square", "station", "str", "strase",
	"strasse", "street", "strt", "sud", "sudost", "sudwest", "suite", "sul", "sur", "syd", "tce",
	"tenth", "terr", "terrace", "third", "trail", "trav", "tv", "ul", "unt", "valley",
	"verdieping", "vest", "vic", "view", "vle", "way", "west", "wohn", "wohnung", "zuid", "№",
};

/* The form of the word at the same place above. */
static const char *const address_forms[] = {
	"aly", "po box", "apt", "apt", "apt", "apt", "apt", "apt", "ave", "ave", "ave", "ave",
	"avenida", "ave", "ave", "ave", "ave", "ave", "bldg", "blvd", "bldg", "blk", "blvd", "blvd",
	"blvd", "blvd", "blvd", "po box", "bldg", "blvd", "bulvar", "blvd", "cadde", "cadde",
	"carretera", "po box", "chemin", "chemin", "cir", "cir", "cct", "cir", "calle", "cl", "ct",
	"carrera", "cir", "cres", "cres", "xing", "cours", "cres", "cres", "ct", "corso", "carretera",
	"apt", "apt", "apt", "dr", "dr", "dr", "e", "bldg", "bldg", "8th", "esp", "e", "e", "fl",
	"expy", "expy", "faubourg", "faubourg", "5th", "1st", "apt", "fl", "fl", "4th", "fwy", "gdns",
	"gdns", "gdns", "bldg", "gra", "gr", "gr", "hts", "hwy", "hwy", "hwy", "hts", "hwy",
	"impasse", "is", "jct", "carrera", "ln", "e", "lvl", "apt", "lp", "mahalle", "mahalle", "mws",
	"mahalle", "mt", "mtn", "namesti", "9th", "n", "n", "ne", "ne", "nw", "n", "n", "ne", "nw",
	"no", "no", "no", "no", "no", "no", "w", "e", "e", "w", "bldg", "pde", "pkwy", "pkwy",
	"praca", "fl", "pkwy", "pkwy", "pl", "plaza", "plaza", "po box", "po box", "pt", "po box",
	"po box", "prospekt", "paseo", "plaza", "piazza", "rd", "rm", "route", "st", "2nd", "7th",
	"6th", "sokak", "sokak", "s", "se", "sw", "sq", "sq", "sq", "sta", "st", "st", "st", "st",
	"st", "s", "se", "sw", "ste", "s", "s", "s", "ter", "10th", "ter", "ter", "3rd", "trl",
	"travessa", "travessa", "ulica", "unit", "vly", "fl", "w", "vicolo", "vw", "viale", "wy", "w",
	"apt", "apt", "s", "no",
};
