module mlopsctl.test/init

go 1.26.0
