-- Beside Airflow's database: the catalogue. Run once, by the first start of the PostgreSQL container.
CREATE DATABASE catalogue;
