package main

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// Settings of the kernel that no namespace holds and that a kubelet insists on. It reads these values from files of
// the node's own and is content, so the real ones stay as they are.
var kernelSettings = map[string]string{
	"vm/overcommit_memory":      "1",
	"vm/panic_on_oom":           "0",
	"kernel/panic":              "10",
	"kernel/panic_on_oops":      "1",
	"kernel/keys/root_maxkeys":  "1000000",
	"kernel/keys/root_maxbytes": "25000000",
}

// makeMachine turns the namespaces that this process was born in into a machine.
func makeMachine(folder string) error {
	if err := syscall.Sethostname([]byte("node")); err != nil {
		return err
	}
	if err := mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return err
	}
	// Shared among the node's own: a kubelet's volumes have to reach the containers.
	if err := mount("", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""); err != nil {
		return err
	}
	if err := mount("proc", "/proc", "proc", syscall.MS_NOSUID|syscall.MS_NODEV|syscall.MS_NOEXEC, ""); err != nil {
		return err
	}
	// Whom the machine asks for names is out of the node's reach; asking would end in a long silence.
	if err := mount(filepath.Join(folder, "resolv.conf"), "/etc/resolv.conf", "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	if err := mount("tmpfs", "/run", "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755"); err != nil {
		return err
	}
	if err := mount(filepath.Join(folder, "var"), "/var", "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	return pretendSettings()
}

func pretendSettings() error {
	for name, value := range kernelSettings {
		real := filepath.Join("/proc/sys", name)
		if _, err := os.Stat(real); err != nil {
			continue // not in every kernel
		}
		pretended := filepath.Join("/run/kernel", name)
		if err := os.MkdirAll(filepath.Dir(pretended), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(pretended, []byte(value+"\n"), 0o644); err != nil {
			return err
		}
		if err := mount(pretended, real, "", syscall.MS_BIND, ""); err != nil {
			return err
		}
	}
	return nil
}

func mount(source, target, kind string, flags uintptr, data string) error {
	if err := syscall.Mount(source, target, kind, flags, data); err != nil {
		return fmt.Errorf("mount %s: %w", target, err)
	}
	return nil
}
