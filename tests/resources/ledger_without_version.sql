BEGIN TRANSACTION;
CREATE TABLE change (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	sku VARCHAR NOT NULL, 
	category VARCHAR NOT NULL, 
	"drop" VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	at DATETIME NOT NULL
);
INSERT INTO "change" VALUES(1,'MUG-1','mugs','2026-11-20','new','2026-11-20 08:30:00.123456');
CREATE TABLE cutout (
	"key" VARCHAR NOT NULL, 
	photo_digest VARCHAR NOT NULL, 
	cutout_digest VARCHAR NOT NULL, 
	accepted BOOLEAN NOT NULL, 
	confidence FLOAT NOT NULL, 
	reasons JSON NOT NULL, 
	measurements JSON NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE judgment (
	gate_key VARCHAR NOT NULL, 
	render_key VARCHAR NOT NULL, 
	render_digest VARCHAR NOT NULL, 
	rules_digest VARCHAR NOT NULL, 
	verdict VARCHAR NOT NULL, 
	reasons JSON NOT NULL, 
	judged_at DATETIME NOT NULL, 
	PRIMARY KEY (gate_key)
);
CREATE TABLE lora (
	"key" VARCHAR NOT NULL, 
	category VARCHAR NOT NULL, 
	lora_digest VARCHAR NOT NULL, 
	base_model_digest VARCHAR NOT NULL, 
	data_digest VARCHAR NOT NULL, 
	facts JSON NOT NULL, 
	seconds FLOAT NOT NULL, 
	promoted BOOLEAN NOT NULL, 
	made_at DATETIME NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE lora_return (
	id INTEGER NOT NULL, 
	lora_key VARCHAR NOT NULL, 
	at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE measurement (
	render_key VARCHAR NOT NULL, 
	measurement_version VARCHAR NOT NULL, 
	columns JSON NOT NULL, 
	seconds FLOAT NOT NULL, 
	PRIMARY KEY (render_key, measurement_version)
);
CREATE TABLE paused (
	sku VARCHAR NOT NULL, 
	PRIMARY KEY (sku)
);
CREATE TABLE photo_file (
	name VARCHAR NOT NULL, 
	state VARCHAR NOT NULL, 
	photo_digest VARCHAR NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE product (
	sku VARCHAR NOT NULL, 
	category VARCHAR NOT NULL, 
	"drop" VARCHAR NOT NULL, 
	attributes JSON NOT NULL, 
	photo_digests JSON NOT NULL, 
	active BOOLEAN NOT NULL, 
	revision INTEGER NOT NULL, 
	PRIMARY KEY (sku)
);
CREATE TABLE publication (
	publish_key VARCHAR NOT NULL, 
	sku VARCHAR NOT NULL, 
	recipe VARCHAR NOT NULL, 
	idx INTEGER NOT NULL, 
	channel VARCHAR NOT NULL, 
	render_digest VARCHAR NOT NULL, 
	published_at DATETIME NOT NULL, 
	PRIMARY KEY (publish_key)
);
CREATE TABLE refused_render (
	render_key VARCHAR NOT NULL, 
	sku VARCHAR NOT NULL, 
	category VARCHAR NOT NULL, 
	recipe VARCHAR NOT NULL, 
	idx INTEGER NOT NULL, 
	message VARCHAR NOT NULL, 
	refused_at DATETIME NOT NULL, 
	PRIMARY KEY (render_key)
);
CREATE TABLE render (
	render_key VARCHAR NOT NULL, 
	sku VARCHAR NOT NULL, 
	category VARCHAR NOT NULL, 
	recipe VARCHAR NOT NULL, 
	idx INTEGER NOT NULL, 
	render_digest VARCHAR NOT NULL, 
	cutout_digest VARCHAR NOT NULL, 
	lora_digest VARCHAR, 
	placement JSON NOT NULL, 
	facts JSON NOT NULL, 
	seconds FLOAT NOT NULL, 
	made_at DATETIME NOT NULL, 
	PRIMARY KEY (render_key)
);
INSERT INTO "render" VALUES('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa','MUG-1','mugs','packshot_white',0,'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc',NULL,'{"left": 3}','{"fill_pct": 80.5}',1.5,'2026-11-20 08:30:00.123456');
CREATE TABLE source_photo (
	"key" VARCHAR NOT NULL, 
	photo_digest VARCHAR NOT NULL, 
	accepted BOOLEAN NOT NULL, 
	reasons JSON NOT NULL, 
	measurements JSON NOT NULL, 
	thumbnail_digest VARCHAR, 
	PRIMARY KEY ("key")
);
CREATE TABLE spend (
	id INTEGER NOT NULL, 
	category VARCHAR NOT NULL, 
	"drop" VARCHAR, 
	activity VARCHAR NOT NULL, 
	item_count INTEGER NOT NULL, 
	seconds FLOAT NOT NULL, 
	usd FLOAT NOT NULL, 
	at DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "spend" VALUES(1,'mugs','2026-11-20','render',1,1.5,0.25,'2026-11-21 09:30:29.769063');
CREATE INDEX ix_product_category ON product (category);
CREATE INDEX ix_product_drop ON product ("drop");
CREATE INDEX ix_lora_category ON lora (category);
CREATE INDEX ix_lora_return_lora_key ON lora_return (lora_key);
CREATE INDEX ix_render_sku ON render (sku);
CREATE INDEX ix_judgment_render_key ON judgment (render_key);
CREATE INDEX ix_publication_sku ON publication (sku);
CREATE INDEX ix_refused_render_sku ON refused_render (sku);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('change',1);
COMMIT;
