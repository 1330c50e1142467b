create role lab login;
create database lab owner lab;
drop database postgres;
