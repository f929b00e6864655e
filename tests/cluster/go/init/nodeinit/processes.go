package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

// A component is a program of the node.
type component struct {
	Name    string   `json:"name"`
	Command []string `json:"command"`
}

// A state is what became of a component.
type state struct {
	Pid     int    `json:"pid"` // as seen inside the node
	Running bool   `json:"running"`
	Ended   string `json:"ended,omitempty"`
}

type node struct {
	folder string
	states map[string]*state
}

// beProcessOne makes the machine, then starts components and reaps what ends, until it is killed.
func beProcessOne(folder string) error {
	recorded, made := os.NewFile(3, "recorded"), os.NewFile(4, "made")
	if n, _ := recorded.Read(make([]byte, 1)); n != 1 {
		return fmt.Errorf("whoever started this has ended")
	}
	recorded.Close()
	signals := make(chan os.Signal, 64)
	signal.Notify(signals, syscall.SIGCHLD, syscall.SIGHUP)
	if err := makeMachine(folder); err != nil {
		return err
	}
	n := node{folder: folder, states: map[string]*state{}}
	if _, err := made.Write([]byte{1}); err != nil {
		return err
	}
	made.Close()
	for received := range signals {
		if received == syscall.SIGHUP {
			n.startMissing()
		}
		n.reap() // on SIGHUP, too: signals of one kind may arrive as one
		if err := writeJSON(filepath.Join(folder, "status.json"), n.states); err != nil {
			fmt.Fprintln(os.Stderr, "nodeinit:", err)
		}
	}
	return nil
}

func (n *node) startMissing() {
	var components []component
	text, err := os.ReadFile(filepath.Join(n.folder, "components.json"))
	if err == nil {
		err = json.Unmarshal(text, &components)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "nodeinit:", err)
		return
	}
	for _, wanted := range components {
		if known := n.states[wanted.Name]; known != nil && known.Running {
			continue
		}
		n.states[wanted.Name] = n.begin(wanted)
	}
}

func (n *node) begin(wanted component) *state {
	path := filepath.Join(n.folder, "log", wanted.Name+".log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return &state{Ended: err.Error()}
	}
	defer log.Close()
	command := exec.Command(wanted.Command[0], wanted.Command[1:]...)
	command.Stdout, command.Stderr = log, log
	command.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := command.Start(); err != nil {
		return &state{Ended: err.Error()}
	}
	return &state{Pid: command.Process.Pid, Running: true}
}

// reap takes leave of all that ended: components, and the orphans that fall to process 1.
func (n *node) reap() {
	for {
		var how syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &how, syscall.WNOHANG, nil)
		if pid <= 0 || err != nil {
			return
		}
		for _, known := range n.states {
			if known.Running && known.Pid == pid {
				known.Running, known.Ended = false, ending(how)
			}
		}
	}
}

func ending(how syscall.WaitStatus) string {
	if how.Signaled() {
		return "signal " + how.Signal().String()
	}
	return fmt.Sprintf("exit status %d", how.ExitStatus())
}
