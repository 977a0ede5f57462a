package simulate

// word is a name and its form in an e-mail address or host name.
type word struct{ text, ascii string }

// place is a postal address without its house number.
type place struct{ street, city, state, stateCode, postalCode, country, countryCode, dial string }

// The words in records. They have accents, several scripts, characters that XML must escape and
// characters outside the Basic Multilingual Plane, because real records have them all.
var (
	firstNames = []word{
		{"Anna", "anna"}, {"José", "jose"}, {"Zoë", "zoe"}, {"Łukasz", "lukasz"},
		{"Nguyễn", "nguyen"}, {"Mary-Jane", "mary"},
		{"太郎", "taro"}, {"Олена", "olena"}, {"Fatima", "fatima"}, {"Björn", "bjorn"},
		{"Seán", "sean"}, {"Priya", "priya"},
	}
	lastNames = []word{
		{"O'Brien", "obrien"}, {"Müller", "mueller"}, {"García", "garcia"}, {"Smith", "smith"},
		{"山田", "yamada"},
		{"Øster-Lund", "oster"}, {"D’Angelo", "dangelo"}, {"Kowalska", "kowalska"},
		{"van der Meer", "meer"},
		{"Шевченко", "shevchenko"}, {"Tran", "tran"}, {"Weiß", "weiss"},
	}
	middleNames = []string{"J.", "Marie", "de la", "K."}
	companies   = []word{
		{"Brown & Sons", "brown"}, {"Größe GmbH & Co. KG", "groesse"},
		{"Acme, Inc.", "acme"}, {"Ålesund Shipping AS", "alesund"},
		{"株式会社サンプル", "sample"}, {"Smith <Holdings> Ltd", "smith"},
		{"Café du Marché", "cafe"}, {"\"Quoted\" Trading", "quoted"},
		{"Rocket 🚀 Labs", "rocket"}, {"Northern Lights LLC", "north"},
	}
	places = []place{
		{"Hauptstraße", "Köln", "Nordrhein-Westfalen", "NW", "50667", "Germany", "DE", "+49"},
		{"Rue de l'Église", "Saint-Étienne", "Loire", "42", "42000", "France", "FR", "+33"},
		{"Market Street", "San Francisco", "California", "CA", "94105", "United States", "US", "+1"},
		{"Main Street", "Boston", "Massachusetts", "MA", "02110", "United States", "US", "+1"},
		{"Calle Mayor", "A Coruña", "Galicia", "GA", "15001", "Spain", "ES", "+34"},
		{"丸の内", "東京", "東京都", "13", "100-0005", "Japan", "JP", "+81"},
		{"High Street", "Stratford-upon-Avon", "Warwickshire", "WAR", "CV37 6AU", "United Kingdom", "GB",
			"+44"},
	}
	titles = []string{"CEO", "VP, Sales & Marketing", "Geschäftsführerin", "Engineer",
		"Head of R&D", "Buyer"}
	departments = []string{"Sales", "R&D", "Einkauf", "Finance", "Operations"}
	industries  = []string{"Apparel", "Banking", "Energy", "Food & Beverage", "Not For Profit",
		"Technology"}
	subjects = []string{
		"Renewal 2027", "Pré-vente: 250 licences", "Widgets < 5 mm", "Broken part, please replace",
		"Pilot \"Phase 1\"",
		"Upgrade & migration", "見積もり依頼", "50 % more seats 🎉",
	}
	phrases = []string{
		"Gold", "A;B;C", "SF", "n/a", "5 < 6 & 7 > 3", "<br>HTML formula</br>", "00QS10000000aBc",
		"Não informado", "0", "true",
		"Standard", "two  spaces", "100%", "Ja, gerne 👍", "C:\\temp", "{\"json\": true}", "ﬁne ligature",
		"𝔘nicode",
	}
	sentences = []string{
		"Called twice and left a message.", "Wants a quote for 5 < x < 10 units & delivery.",
		"Très intéressé, à rappeler lundi.",
		"Budget approved 🎉 – decision next week.", "Siehe Anhang: \"Preisliste\" (nur > 100 Stück).",
		"It's urgent!",
		"お世話になっております。", "Next step:\tdemo at the customer's site.", "Tags: <b>vip</b> &amp; friends.",
		"CDATA ends so: ]]>",
	}
)
