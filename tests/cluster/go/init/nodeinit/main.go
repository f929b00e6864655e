// Command nodeinit makes the machine that a test cluster's node believes to be on, and is its process 1.
//
//	nodeinit start FOLDER
//
// The machine is a set of namespaces: processes, mounts, network, host name. The kernel ends everything in it when
// process 1 ends, so nothing can be left running or mounted, however the node comes to its end.
//
// FOLDER holds
//
//	var/              what the node sees as /var
//	resolv.conf       what the node sees as /etc/resolv.conf
//	log/              the output of each component
//	components.json   which programs to run; those of them that don't run are started at the start and at each SIGHUP
//	status.json       which of them run, written by process 1
//	init.json         the process 1, as others see it
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

const namespaces = syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: nodeinit start FOLDER"))
	}
	folder, err := filepath.Abs(os.Args[2])
	if err != nil {
		fail(err)
	}
	switch os.Args[1] {
	case "start":
		err = start(folder)
	case "init":
		err = beProcessOne(folder)
	default:
		err = fmt.Errorf("unknown command %q", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "nodeinit:", err)
	os.Exit(1)
}

// start begins process 1 and returns when the machine is made. Process 1 does nothing before its record is written:
// it waits for a word through a pipe, and ends if the pipe closes without one.
func start(folder string) error {
	log, err := os.OpenFile(filepath.Join(folder, "log", "init.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	recorded, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	hear, made, err := os.Pipe()
	if err != nil {
		return err
	}
	child := exec.Command("/proc/self/exe", "init", folder)
	child.Stdout, child.Stderr = log, log
	child.ExtraFiles = []*os.File{recorded, made}
	child.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Setsid: true}
	if err := child.Start(); err != nil {
		return fmt.Errorf("the kernel makes no namespaces: %w", err)
	}
	recorded.Close()
	made.Close()
	if err := record(folder, child.Process.Pid); err != nil {
		return err
	}
	if _, err := tell.Write([]byte{1}); err != nil {
		return err
	}
	if n, _ := hear.Read(make([]byte, 1)); n != 1 {
		return fmt.Errorf("process 1 ended; %s says why", log.Name())
	}
	return nil
}

// record writes the process's number and its start, in clock ticks since boot: numbers are used again, pairs are not.
func record(folder string, pid int) error {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return err
	}
	afterName := string(stat)[strings.LastIndex(string(stat), ")")+2:]
	return writeJSON(filepath.Join(folder, "init.json"), map[string]any{
		"pid": pid, "started": strings.Fields(afterName)[19],
	})
}

func writeJSON(path string, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	if err := os.WriteFile(path+".new", text, 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}
