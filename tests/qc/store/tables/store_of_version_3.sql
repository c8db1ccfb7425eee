PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE schema_version (
	version INTEGER
);
INSERT INTO schema_version VALUES(3);
CREATE TABLE unit (
	unit_id TEXT NOT NULL, 
	site TEXT NOT NULL, 
	modality TEXT NOT NULL, 
	vendor TEXT NOT NULL, 
	model TEXT NOT NULL, 
	serial TEXT NOT NULL, 
	installed_on BIGINT NOT NULL, 
	timezone TEXT NOT NULL, 
	active_from BIGINT NOT NULL, 
	active_to BIGINT NOT NULL, 
	PRIMARY KEY (unit_id)
);
INSERT INTO unit VALUES('PET1','','','','','',0,'UTC',0,0);
CREATE TABLE source (
	source_id INTEGER NOT NULL, 
	source_hash TEXT NOT NULL, 
	name TEXT NOT NULL, 
	format TEXT NOT NULL, 
	complete BOOLEAN NOT NULL, 
	PRIMARY KEY (source_id), 
	UNIQUE (source_hash)
);
INSERT INTO source VALUES(1,'77098d574559b19e4202ff2453d2592d2ae891c5900155800dbe31c64d77ed69','a_daily.csv','csv',1);
INSERT INTO source VALUES(2,'925362ad2af7e600e382f857067c406ef50408a2c35e74e3b42a3743f8f37624','b_daily.csv','csv',1);
INSERT INTO source VALUES(3,'d3fb7ee8c53688d2cb33c938d14f65b69cca8ef27ec9c2a894d517190b8992ac','later.csv','refused',1);
INSERT INTO source VALUES(4,'da002736944f0316786ef9419ea508cf81ccf3cfacd275b3fff05c46e6054872','x_services.csv','csv',1);
CREATE TABLE series (
	series_id INTEGER NOT NULL, 
	unit_id TEXT NOT NULL, 
	component_id TEXT NOT NULL, 
	test TEXT NOT NULL, 
	unit TEXT NOT NULL, 
	PRIMARY KEY (series_id), 
	UNIQUE (unit_id, component_id, test, unit)
);
INSERT INTO series VALUES(1,'PET1','','peak','');
CREATE TABLE context (
	context_id INTEGER NOT NULL, 
	content TEXT NOT NULL, 
	reference FLOAT, 
	action_low FLOAT, 
	tolerance_low FLOAT, 
	tolerance_high FLOAT, 
	action_high FLOAT, 
	status TEXT NOT NULL, 
	baseline_id TEXT NOT NULL, 
	software_version TEXT NOT NULL, 
	PRIMARY KEY (context_id), 
	UNIQUE (content)
);
INSERT INTO context VALUES(1,'(nan, nan, nan, nan, nan, '''', '''', '''')',NULL,NULL,NULL,NULL,NULL,'','','');
CREATE TABLE measurement (
	series_id INTEGER NOT NULL, 
	measured_at BIGINT NOT NULL, 
	available_at BIGINT NOT NULL, 
	value FLOAT, 
	context_id INTEGER NOT NULL, 
	source_id INTEGER NOT NULL, 
	PRIMARY KEY (series_id, measured_at)
)
 WITHOUT ROWID

;
INSERT INTO measurement VALUES(1,1790838000,1790838000,511.19999999999998861,1,1);
INSERT INTO measurement VALUES(1,1791010800,1791010800,511.39999999999997725,1,1);
CREATE TABLE event (
	unit_id TEXT NOT NULL, 
	component_id TEXT NOT NULL, 
	code TEXT NOT NULL, 
	occurred_at BIGINT NOT NULL, 
	severity TEXT NOT NULL, 
	available_at BIGINT NOT NULL, 
	source_id INTEGER NOT NULL, 
	PRIMARY KEY (unit_id, component_id, code, occurred_at)
);
CREATE TABLE service (
	unit_id TEXT NOT NULL, 
	component_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	reported_at BIGINT NOT NULL, 
	started_at BIGINT NOT NULL, 
	completed_at BIGINT NOT NULL, 
	logged_at BIGINT NOT NULL, 
	downtime_hours FLOAT, 
	source_id INTEGER NOT NULL, 
	PRIMARY KEY (unit_id, component_id, kind, reported_at)
);
INSERT INTO service VALUES('PET1','','corrective',1788256800,1788256800,1788256800,1788256800,NULL,4);
CREATE TABLE quarantine (
	source_id INTEGER NOT NULL, 
	"row" INTEGER NOT NULL, 
	reason TEXT NOT NULL, 
	content TEXT NOT NULL, 
	PRIMARY KEY (source_id, "row", reason)
);
INSERT INTO quarantine VALUES(1,3,'value is no number','PET1;peak;oops;2026-10-02 07:00');
INSERT INTO quarantine VALUES(2,3,'measured_at: is no date: ''01-Jun-2026''','PET1;peak;511.0;01-Jun-2026');
INSERT INTO quarantine VALUES(2,2,'contradicts the record of the same unit, component, test and time','value 510.9, known 511.4');
INSERT INTO quarantine VALUES(3,0,'is neither a QATrack+ export, an MPC result, nor a SystemQualityReport; add a mapping for it to site.toml','later.csv');
CREATE TABLE score (
	run_id TEXT NOT NULL, 
	unit_id TEXT NOT NULL, 
	component_id TEXT NOT NULL, 
	as_of BIGINT NOT NULL, 
	lead_days INTEGER NOT NULL, 
	horizon_days INTEGER NOT NULL, 
	probability FLOAT, 
	probability_low FLOAT, 
	probability_high FLOAT, 
	decision TEXT NOT NULL, 
	reasons TEXT NOT NULL, 
	model_hash TEXT NOT NULL, 
	data_hash TEXT NOT NULL, 
	PRIMARY KEY (run_id, unit_id, component_id)
);
INSERT INTO score VALUES('r1','PET1','',1791072000,2,28,0.25,0.2000000000000000111,0.29999999999999998889,'alert','because','m','d');
CREATE TABLE arrival (
	arrival_id INTEGER NOT NULL, 
	unit_id TEXT NOT NULL, 
	first_measured_at BIGINT NOT NULL, 
	first_available_at BIGINT NOT NULL, 
	records INTEGER NOT NULL, 
	PRIMARY KEY (arrival_id)
);
INSERT INTO arrival VALUES(1,'PET1',1790838000,1790838000,2);
CREATE TABLE checkpoint (
	unit_id TEXT NOT NULL, 
	content BLOB NOT NULL, 
	PRIMARY KEY (unit_id)
);
CREATE INDEX ix_series_unit_id ON series (unit_id);
CREATE INDEX ix_score_as_of ON score (as_of);
CREATE INDEX arrival_unit ON arrival (unit_id, arrival_id);
COMMIT;
