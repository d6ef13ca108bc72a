/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Starts Linux from a disk without a file system: one sector, by the x86 boot protocol for real mode
 * (Documentation/x86/boot.rst of the kernel, version 2.04 and later). mklinux lays out the disk:
 *
 *   LBA 0   this sector; the parameters say where kernel and initramfs are
 *   LBA 1   the kernel's command line, ended by a zero byte, up to 4 sectors
 *   LBA 8   the bzImage, then the initramfs
 *
 * Reads go 64 KiB at a time through the BIOS and are copied up at once in "unreal" mode (DS and ES with a limit of
 * 4 GiB). Without KVM that is several times faster than the usual boot loaders, which read less at a time.
 */
	.set	SETUP, 0x10000			/* the kernel's real-mode part; its stack and heap end at 0xe000 in there */
	.set	HEAP_END, 0xde00
	.set	COMMAND_LINE, 0x1e000
	.set	COMMAND_LINE_LBA, 1
	.set	COMMAND_LINE_SECTORS, 4
	.set	BUFFER, 0x20000			/* 64 KiB */
	.set	BUFFER_SECTORS, 128
	.set	KERNEL, 0x100000		/* its protected-mode part */
	.set	COM1, 0x3f8

	/* Fields of the kernel's setup header */
	.set	HEADER_MAGIC, 0x202
	.set	HEADER_LOADER, 0x210
	.set	HEADER_FLAGS, 0x211
	.set	HEADER_INITRAMFS, 0x218
	.set	HEADER_INITRAMFS_SIZE, 0x21c
	.set	HEADER_HEAP_END, 0x224
	.set	HEADER_COMMAND_LINE, 0x228

	.code16
	.text
	.globl	_start
_start:	jmp	boot

	/* Parameters, little endian, written here by mklinux */
	.org	4
	.ascii	"NLLB0001"
	.org	0x10
p_kernel:		.long	0		/* 0x10: LBA of the bzImage */
p_setup_sectors:	.long	0		/* 0x14: its real-mode part, at most 128 */
p_kernel_sectors:	.long	0		/* 0x18: the rest of it */
p_initramfs:		.long	0		/* 0x1c: LBA */
p_initramfs_size:	.long	0		/* 0x20: bytes */

boot:	cli
	cld
	xorw	%ax, %ax
	movw	%ax, %ds
	movw	%ax, %es
	movw	%ax, %ss
	movw	$0x7c00, %sp
	sti
	movb	%dl, drive
	inb	$0x92, %al			/* address line 20 on */
	orb	$2, %al
	andb	$0xfe, %al
	outb	%al, $0x92

	movl	$COMMAND_LINE_LBA, %eax
	movl	$COMMAND_LINE_SECTORS, %ecx
	movl	$COMMAND_LINE, %edi
	call	load
	movl	p_kernel, %eax
	movl	p_setup_sectors, %ecx
	movl	$SETUP, %edi
	call	load
	movl	p_kernel, %eax
	addl	p_setup_sectors, %eax
	movl	p_kernel_sectors, %ecx
	movl	$KERNEL, %edi
	call	load

	/* The initramfs goes to the end of memory, clear of where the kernel unpacks itself. */
	movw	$0xe801, %ax			/* BX * 64 KiB above 16 MiB */
	xorl	%ebx, %ebx
	int	$0x15
	jc	fail
	shll	$16, %ebx
	jz	fail
	leal	0x01000000(%ebx), %edi
	movl	p_initramfs_size, %ecx
	subl	%ecx, %edi
	andl	$0xfffff000, %edi
	pushl	%edi
	addl	$511, %ecx
	shrl	$9, %ecx
	movl	p_initramfs, %eax
	call	load

	movw	$SETUP >> 4, %ax
	movw	%ax, %es
	popl	%es:HEADER_INITRAMFS
	cmpl	$0x53726448, %es:HEADER_MAGIC	/* "HdrS" */
	jne	fail
	movl	p_initramfs_size, %ecx
	movl	%ecx, %es:HEADER_INITRAMFS_SIZE
	movl	$COMMAND_LINE, %es:HEADER_COMMAND_LINE
	movw	$HEAP_END, %es:HEADER_HEAP_END
	movb	$0xff, %es:HEADER_LOADER	/* a loader without a number */
	orb	$0x80, %es:HEADER_FLAGS		/* the heap may be used */
	cli
	movw	%ax, %ds
	movw	%ax, %fs
	movw	%ax, %gs
	movw	%ax, %ss
	movw	$0xe000, %sp
	ljmp	$(SETUP >> 4) + 0x20, $0

/* load: ECX sectors from LBA EAX to address EDI. */
load:	movl	%eax, dap_lba
1:	movl	$BUFFER_SECTORS, %ebx
	cmpl	%ebx, %ecx
	jae	2f
	movl	%ecx, %ebx
2:	testl	%ebx, %ebx
	jz	4f
	movw	%bx, dap_sectors
	pushl	%ecx
	pushl	%ebx
	pushl	%edi
	movw	$dap, %si
	movb	$0x42, %ah
	movb	drive, %dl
	int	$0x13
	jc	fail
	call	unreal				/* the BIOS may have taken it back */
	popl	%edi
	popl	%ebx
	movl	$BUFFER, %esi
	movl	%ebx, %ecx
	shll	$7, %ecx
	addr32 rep movsl
	popl	%ecx
	addl	%ebx, dap_lba
	subl	%ebx, %ecx
	jmp	1b
4:	ret

/* unreal: DS and ES reach all 4 GiB. */
unreal:	cli
	lgdt	gdt_pointer
	movl	%cr0, %eax
	orb	$1, %al
	movl	%eax, %cr0
	movw	$8, %cx
	movw	%cx, %ds
	movw	%cx, %es
	andb	$0xfe, %al
	movl	%eax, %cr0
	xorw	%cx, %cx
	movw	%cx, %ds
	movw	%cx, %es
	sti
	ret

fail:	xorw	%ax, %ax
	movw	%ax, %ds
	movw	$text_fail, %si
	movw	$COM1, %dx
1:	lodsb
	outb	%al, %dx
	testb	%al, %al
	jnz	1b
2:	cli
	hlt
	jmp	2b

text_fail:
	.asciz	"boot: disk, kernel or memory unfit\r\n"
dap:	.byte	0x10, 0
dap_sectors:
	.word	0
	.word	0, BUFFER >> 4
dap_lba:
	.quad	0
drive:	.byte	0
	.balign	8
gdt:	.quad	0
	.quad	0x00cf92000000ffff		/* data, base 0, limit 4 GiB */
gdt_pointer:
	.word	gdt_pointer - gdt - 1
	.long	gdt

	.org	510
	.word	0xaa55
